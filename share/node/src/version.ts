/** The contract that this package speaks. */
export const CONTRACT_VERSION = "0.5.2";

function parts(version: string): [number, number] | undefined {
  const found = /^(\d+)\.(\d+)(?:\.|$)/.exec(version);
  return found ? [Number(found[1]), Number(found[2])] : undefined;
}

/**
 * Can a client of contract `ours` talk to a server of contract `theirs`?
 * Before 1.0 the minor versions must be equal, from then on the majors.
 */
export function isCompatible(theirs: string, ours = CONTRACT_VERSION): boolean {
  const a = parts(theirs);
  const b = parts(ours);
  if (!a || !b) return false;
  return a[0] === b[0] && (a[0] !== 0 || a[1] === b[1]);
}
