/**
 * The part of the expression language that decides here, without asking the server, whether a field is shown: comparisons of
 * inputs with literals, joined by `and`, `or` and `not`. Whatever else an expression says has no answer here, and the field is
 * shown with its condition.
 */
export type Scope = Record<string, unknown>;

type Token = { kind: 'word' | 'text' | 'number' | 'sign'; text: string };

const TOKEN =
  /\s*(?:([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|('[^'\\]*'|"[^"\\]*")|(\d+(?:\.\d+)?)|(==|!=|<=|>=|[<>()[\],-]))/y;

/** An expression that is not answered here. */
class NotHere extends Error {}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (match === null) {
      throw new NotHere();
    }
    const [, word, quoted, number, sign] = match;
    if (word !== undefined) {
      found.push({ kind: 'word', text: word });
    } else if (quoted !== undefined) {
      found.push({ kind: 'text', text: quoted.slice(1, -1) });
    } else if (number !== undefined) {
      found.push({ kind: 'number', text: number });
    } else {
      found.push({ kind: 'sign', text: sign ?? '' });
    }
  }
  return found;
}

/** What is not given has no value, and neither has what is asked of it: such a field is not asked for. */
class Missing extends Error {}

/** A part of an expression, evaluated when it is asked for: `and` and `or` do not look at what they do not need. */
type Part = () => unknown;

function isTrue(value: unknown): boolean {
  if (value === undefined) {
    throw new Missing();
  }
  return Array.isArray(value) ? value.length > 0 : value !== null && value !== false && value !== 0 && value !== '';
}

function isScalar(value: unknown): boolean {
  return value === undefined || value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function isEqual(one: unknown, other: unknown): boolean {
  // Truth and numbers are mixed up by some and not by others, and lists are compared one by one.
  const mixed = typeof one !== typeof other && [one, other].some((value) => typeof value === 'boolean');
  if (!isScalar(one) || !isScalar(other) || (mixed && [one, other].some((value) => typeof value === 'number'))) {
    throw new NotHere();
  }
  return one === other;
}

function compare(sign: string, one: unknown, other: unknown): boolean {
  if (sign === '==' || sign === '!=') {
    return isEqual(one, other) === (sign === '==');
  }
  if (typeof one !== 'number' || typeof other !== 'number') {
    throw new NotHere();
  }
  return sign === '<' ? one < other : sign === '<=' ? one <= other : sign === '>' ? one > other : one >= other;
}

function isIn(value: unknown, container: unknown): boolean {
  if (value === undefined || container === undefined) {
    throw new Missing();
  }
  if (Array.isArray(container)) {
    return container.some((item) => isEqual(item, value));
  }
  if (typeof container === 'string' && typeof value === 'string') {
    return container.includes(value);
  }
  throw new NotHere();
}

class Reader {
  #at = 0;
  readonly #tokens: Token[];
  readonly #scope: Scope;

  constructor(found: Token[], scope: Scope) {
    this.#tokens = found;
    this.#scope = scope;
  }

  whole(): Part {
    const part = this.#or();
    if (this.#at < this.#tokens.length) {
      throw new NotHere();
    }
    return part;
  }

  #peek(kind: Token['kind'], ...texts: string[]): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === kind && texts.includes(token.text);
  }

  #take(kind: Token['kind'], ...texts: string[]): string | null {
    if (!this.#peek(kind, ...texts)) {
      return null;
    }
    const token = this.#tokens[this.#at];
    this.#at += 1;
    return token?.text ?? null;
  }

  #or(): Part {
    const one = this.#and();
    if (this.#take('word', 'or') === null) {
      return one;
    }
    const other = this.#or();
    return () => {
      const value = one();
      return isTrue(value) ? value : other();
    };
  }

  #and(): Part {
    const one = this.#not();
    if (this.#take('word', 'and') === null) {
      return one;
    }
    const other = this.#and();
    return () => {
      const value = one();
      return isTrue(value) ? other() : value;
    };
  }

  #not(): Part {
    if (this.#take('word', 'not') === null) {
      return this.#comparison();
    }
    const part = this.#not();
    return () => !isTrue(part());
  }

  #comparison(): Part {
    const one = this.#operand();
    const sign = this.#take('sign', '==', '!=', '<', '<=', '>', '>=');
    if (sign !== null) {
      const other = this.#operand();
      return () => compare(sign, one(), other());
    }
    if (this.#take('word', 'in') !== null) {
      const container = this.#operand();
      return () => isIn(one(), container());
    }
    if (this.#peek('word', 'not') && this.#tokens[this.#at + 1]?.text === 'in') {
      this.#at += 2;
      const container = this.#operand();
      return () => !isIn(one(), container());
    }
    return one;
  }

  #operand(): Part {
    if (this.#take('sign', '(') !== null) {
      const part = this.#or();
      this.#expect(')');
      return part;
    }
    if (this.#take('sign', '[') !== null) {
      return this.#list();
    }
    const negative = this.#take('sign', '-') !== null;
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token?.kind === 'number') {
      const number = Number(token.text);
      return () => (negative ? -number : number);
    }
    if (negative || token === undefined || token.kind === 'sign') {
      throw new NotHere();
    }
    return token.kind === 'text' ? () => token.text : this.#word(token.text);
  }

  #list(): Part {
    const items: Part[] = [];
    while (this.#take('sign', ']') === null) {
      items.push(this.#operand());
      if (this.#take('sign', ',') === null) {
        this.#expect(']');
        break;
      }
    }
    return () => items.map((item) => item());
  }

  #expect(sign: string): void {
    if (this.#take('sign', sign) === null) {
      throw new NotHere();
    }
  }

  #word(word: string): Part {
    if (word === 'true' || word === 'false') {
      return () => word === 'true';
    }
    if (word === 'none') {
      return () => null;
    }
    const name = word.startsWith('inputs.') ? word.slice('inputs.'.length) : '';
    if (name === '' || name.includes('.')) {
      throw new NotHere();
    }
    return () => {
      if (!Object.hasOwn(this.#scope, name)) {
        throw new NotHere();
      }
      return this.#scope[name];
    };
  }
}

/** Is it true of these inputs? `null` where that cannot be told here. `scope` has every input whose value is known, also those not given. */
export function holds(expression: string, scope: Scope): boolean | null {
  try {
    const value = new Reader(tokens(expression), scope).whole()();
    if (value === undefined) {
      return false;
    }
    return typeof value === 'boolean' ? value : null;
  } catch (error) {
    if (error instanceof Missing) {
      return false;
    }
    if (error instanceof NotHere) {
      return null;
    }
    throw error;
  }
}

/** The inputs that an expression or template speaks of. */
export function inputsIn(text: string): string[] {
  return [...text.matchAll(/\binputs\.([A-Za-z_]\w*)/g)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}
