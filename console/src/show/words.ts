/** Is every word of the text somewhere in these? Capitals do not matter. */
export function hasWords(fields: readonly (string | null | undefined)[], text: string): boolean {
  const all = fields.join(' ').toLowerCase();
  return text
    .trim()
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
