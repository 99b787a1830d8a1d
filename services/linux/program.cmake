# podsandbox_program(name sources...): a tiny static program at bin/<name>, built with musl and without the
# C++ library: glibc's would keep 688 KiB resident, this one 24. Never sanitised.
find_program(MUSL_GCC musl-gcc REQUIRED)
execute_process(COMMAND gcc -print-multiarch OUTPUT_VARIABLE multiarch OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
set(PODSANDBOX_KERNEL_HEADERS /usr/include/${multiarch} CACHE INTERNAL "")

function(podsandbox_program name)
  set(flags -x c++ -std=c++20 -static -Os -fno-pie -no-pie -fno-exceptions -fno-rtti -fno-threadsafe-statics
            -fno-asynchronous-unwind-tables -nostdinc++ -Wall -Wextra -Wpedantic -Werror -ffunction-sections
            -Wl,--gc-sections -s -I ${PROJECT_SOURCE_DIR} -idirafter /usr/include
            -idirafter ${PODSANDBOX_KERNEL_HEADERS})
  set(program ${CMAKE_BINARY_DIR}/bin/${name})
  add_custom_command(
    OUTPUT ${program}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/bin
    COMMAND ${MUSL_GCC} ${flags} -o ${program} ${ARGN}
    DEPENDS ${ARGN} ${podsandbox_program_headers}
    VERBATIM)
  add_custom_target(${name} DEPENDS ${program})
  install(PROGRAMS ${program} DESTINATION libexec/podsandboxd)
endfunction()
