# What a container of the pod sees, in sections. Run in the container by busybox.
section() { echo "=== $*"; }
for file in /etc/hostname /etc/hosts /etc/resolv.conf; do
  section "file $file"
  stat -c '%a %u:%g %F' "$file"
  cat "$file"
done
section "shm"
stat -c '%a %u:%g' /dev/shm
df -k /dev/shm | tail -n 1 | awk '{ print $2 }'
section "hostname"
hostname
section "mounts"
cat /proc/self/mountinfo
section "cgroup"
cat /proc/self/cgroup
section "process"
grep -E '^(Umask|Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|SigBlk|SigIgn):' /proc/self/status
section "limits"
cat /proc/self/limits
section "oom_score_adj"
cat /proc/self/oom_score_adj
section "environment"
env | sort
section "interfaces"
ls /sys/class/net
section "addresses"
ip -o address show | awk '{ print $2, $3, $4 }'
section "routes"
ip route
section "sysctls"
find /proc/sys/net /proc/sys/fs/mqueue /proc/sys/kernel/msg* /proc/sys/kernel/sem /proc/sys/kernel/shm* -type f |
  sort | xargs grep -H '' 2>/dev/null
true
