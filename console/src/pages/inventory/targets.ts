import type { Target } from '../../api/shapes';

/** Where a target counts as being: production, when nobody said. */
export function environmentOf(target: Target): string {
  return target.environment ?? 'production';
}

export function labelsOf(target: Target): string[] {
  return Object.entries(target.labels ?? {}).map(([name, value]) => `${name}=${value}`);
}

/** Is every word somewhere in it? `role=web` means that label alone. */
export function hasWords(target: Target, text: string): boolean {
  const labels = labelsOf(target).map((label) => label.toLowerCase());
  const all = [target.name, target.address, environmentOf(target), ...labels].join(' ').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => (word.includes('=') && !word.endsWith('=') ? labels.includes(word) : all.includes(word)));
}
