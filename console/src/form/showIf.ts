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

/** An input that is not given is neither true nor equal to anything. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) {
    return value.length > 0;
  }
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== '';
}

function isEqual(one: unknown, other: unknown): boolean {
  return (one ?? null) === (other ?? null);
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
  if (Array.isArray(container)) {
    return container.some((item) => isEqual(item, value));
  }
  if (container === undefined || container === null) {
    return false;
  }
  if (typeof container === 'string' && typeof value === 'string') {
    return container.includes(value);
  }
  throw new NotHere();
}

const KEYWORDS = new Set(['and', 'or', 'not', 'in', 'is', 'if', 'else']);

class Reader {
  #at = 0;
  readonly #tokens: Token[];
  readonly #scope: Scope;

  constructor(found: Token[], scope: Scope) {
    this.#tokens = found;
    this.#scope = scope;
  }

  whole(): boolean {
    const value = this.#or();
    if (this.#at < this.#tokens.length) {
      throw new NotHere();
    }
    return isTrue(value);
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

  // Both sides are read always: where one of them has no answer here, the whole has none.
  #or(): unknown {
    let value = this.#and();
    while (this.#take('word', 'or') !== null) {
      const other = this.#and();
      value = isTrue(value) || isTrue(other);
    }
    return value;
  }

  #and(): unknown {
    let value = this.#not();
    while (this.#take('word', 'and') !== null) {
      const other = this.#not();
      value = isTrue(value) && isTrue(other);
    }
    return value;
  }

  #not(): unknown {
    return this.#take('word', 'not') === null ? this.#comparison() : !isTrue(this.#not());
  }

  #comparison(): unknown {
    const value = this.#operand();
    const sign = this.#take('sign', '==', '!=', '<', '<=', '>', '>=');
    if (sign !== null) {
      return compare(sign, value, this.#operand());
    }
    if (this.#take('word', 'in') !== null) {
      return isIn(value, this.#operand());
    }
    if (this.#peek('word', 'not') && this.#tokens[this.#at + 1]?.text === 'in') {
      this.#at += 2;
      return !isIn(value, this.#operand());
    }
    return value;
  }

  #operand(): unknown {
    if (this.#take('sign', '(') !== null) {
      const value = this.#or();
      this.#expect(')');
      return value;
    }
    if (this.#take('sign', '[') !== null) {
      return this.#list();
    }
    const negative = this.#take('sign', '-') !== null;
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token?.kind === 'number') {
      return negative ? -Number(token.text) : Number(token.text);
    }
    if (negative || token === undefined || token.kind === 'sign') {
      throw new NotHere();
    }
    return token.kind === 'text' ? token.text : this.#word(token.text);
  }

  #list(): unknown[] {
    const items: unknown[] = [];
    while (this.#take('sign', ']') === null) {
      items.push(this.#operand());
      if (this.#take('sign', ',') === null) {
        this.#expect(']');
        break;
      }
    }
    return items;
  }

  #expect(sign: string): void {
    if (this.#take('sign', sign) === null) {
      throw new NotHere();
    }
  }

  #word(word: string): unknown {
    switch (word.toLowerCase()) {
      case 'true':
        return true;
      case 'false':
        return false;
      case 'none':
      case 'null':
        return null;
      default: {
        const name = word.startsWith('inputs.') ? word.slice('inputs.'.length) : '';
        if (KEYWORDS.has(word) || name === '' || name.includes('.') || !Object.hasOwn(this.#scope, name)) {
          throw new NotHere();
        }
        return this.#scope[name];
      }
    }
  }
}

/** Is it true of these inputs? `null` where that cannot be told here. `scope` has every input that there is, also those not given. */
export function holds(expression: string, scope: Scope): boolean | null {
  try {
    return new Reader(tokens(expression), scope).whole();
  } catch (error) {
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
