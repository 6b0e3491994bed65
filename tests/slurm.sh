#!/usr/bin/env bash
# A real SLURM of one node on this machine, for as long as a command runs: tests/slurm.sh COMMAND...
# The node claims 8 CPUs, 64 GB and 2 GPUs, two devices that every machine has: SLURM only counts what it hands out.
# Everything lies in a temporary folder, but for a link to it in /etc/slurm: Snakemake's jobs forget SLURM_CONF.
set -euo pipefail

skip() { echo "skipped, no SLURM here: $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip "its daemons want root"
export PATH="$PATH:/usr/sbin:/sbin"
if ! type slurmctld slurmd munged >/dev/null 2>&1; then
  command -v apt-get >/dev/null || skip "install slurm-wlm and munge"
  (apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends slurm-wlm munge) >/dev/null 2>&1 ||
    skip "apt-get has no slurm-wlm and munge"
fi
[ -z "${SLURM_CONF:-}${SLURM_JOB_ID:-}" ] && ! pgrep -x slurmctld >/dev/null || skip "there is one already"
[ ! -e /etc/slurm/slurm.conf ] || skip "/etc/slurm/slurm.conf belongs to another"  # of a run that was killed, the link is dead

root=$(mktemp -d)
chmod 755 "$root"
host=$(hostname -s)
mkdir "$root/state" "$root/spool"
read -r ctld_port d_port < <(python3 -c '
import socket
ends = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(end.getsockname()[1] for end in ends))')

cat > "$root/gres.conf" <<CONF
NodeName=$host Name=gpu File=/dev/null
NodeName=$host Name=gpu File=/dev/zero
CONF
cat > "$root/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthInfo=socket=$root/munge.socket
CredType=cred/munge
SlurmctldPort=$ctld_port
SlurmdPort=$d_port
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool
SlurmctldPidFile=$root/slurmctld.pid
SlurmdPidFile=$root/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ReturnToService=2
MinJobAge=100000
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:2
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE
CONF
export SLURM_CONF=$root/slurm.conf SLURM_OF_ONE_NODE=1

daemons=()
stop() {
  scancel --state=PENDING || true
  scancel --full --signal=KILL --state=RUNNING || true
  for _ in $(seq 40); do
    [ -n "$(squeue -h)" ] || break
    sleep 0.5
  done
  for signal in TERM KILL; do
    kill -s "$signal" "${daemons[@]}" 2>/dev/null || true
    sleep 1
  done
  wait
  rm -rf "$root" /etc/slurm/slurm.conf
}
trap stop EXIT
mkdir -p /etc/slurm
ln -sfn "$SLURM_CONF" /etc/slurm/slurm.conf

head -c 1024 /dev/urandom > "$root/munge.key"
chmod 600 "$root/munge.key"
munged --foreground --key-file="$root/munge.key" --socket="$root/munge.socket" --pid-file="$root/munged.pid" \
  --log-file="$root/munged.log" --seed-file="$root/munged.seed" 2> "$root/munged.out" &
daemons+=($!)
slurmctld -D > "$root/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -N "$host" > "$root/slurmd.log" 2>&1 &
daemons+=($!)

for _ in $(seq 120); do
  [ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && break
  sleep 0.5
done
if [ "$(sinfo -h -o %T 2>/dev/null)" != idle ]; then
  tail -n 5 "$root"/*.log
  echo "error: the node is not idle after a minute" >&2
  exit 1
fi
"$@"
