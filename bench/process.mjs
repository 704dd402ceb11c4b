// What Linux says about a process.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** A line of /proc/PID/status in bytes: `VmRSS`, `VmHWM`. */
export function memory(pid, field) {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line[1]) * 1024;
}

/** From now on `VmHWM` is the peak since now. */
export function resetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Seconds of CPU that a process has used, all threads. */
export function cpuSeconds(pid) {
  const [own] = cpuTimes(pid);
  return own;
}

/** Of the children that it has waited for, and of theirs. */
export function childCpuSeconds(pid) {
  const [, children] = cpuTimes(pid);
  return children;
}

/** Of both. */
export function wholeCpuSeconds(pid) {
  const [own, children] = cpuTimes(pid);
  return own + children;
}

function cpuTimes(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const seconds = (at) => (Number(fields[at]) + Number(fields[at + 1])) / TICKS_PER_SECOND;
  return [seconds(11), seconds(13)];
}
