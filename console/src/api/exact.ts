// The third argument is younger than TypeScript's declaration of it; without it numbers stay as they are.
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source
    ? context.source
    : value;
}

/**
 * JSON whose integers may be larger than a number holds exactly: such a one is kept as its digits.
 *
 * Inputs are 64-bit integers; a console that shows 9007199254740992 for 9007199254740993 would be lying.
 */
export function parseExact(text: string): unknown {
  return JSON.parse(text, keepDigits);
}
