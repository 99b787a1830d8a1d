#pragma once

#include <random>

namespace podsandbox::test {

inline void flip_a_bit(char& byte, std::mt19937& random) {
  byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random() % 8));
}

}  // namespace podsandbox::test
