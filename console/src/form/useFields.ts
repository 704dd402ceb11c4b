import { type FocusEvent, useCallback, useMemo, useState } from 'react';

import { ProblemError, faultsByPath } from '../api/problem';
import type { Fault, Input } from '../api/shapes';
import { afterPointer } from './afterPointer';
import { faultOf, faultsOf } from './faults';
import {
  type Computed,
  type FormValues,
  type Given,
  type Shown,
  computedAt,
  isEmpty,
  shownFields,
  toInputs,
} from './values';

/** What the server found wrong, and what the fields held then: a field that has changed since is judged anew. */
interface Refused {
  faults: Map<string, Fault[]>;
  values: FormValues;
}

export interface Fields {
  /** Goes to the first field at which something is wrong. */
  goToFault: () => void;
  values: FormValues;
  shown: Map<string, Shown>;
  computed: Computed;
  faultOf: (input: Input) => string | null;
  change: (name: string, given: Given) => void;
  fill: (values: FormValues) => void;
  /** A field was left. */
  left: (event: FocusEvent) => void;
  /** What the server says of the fields; faults that belong to none of them are given back. */
  refused: (error: unknown, only?: 'given') => Fault[];
  /** What is wrong as far as it is known here. */
  wrong: () => Map<string, string>;
  /** Shows all that is wrong, and goes to the first of it. */
  insist: (faults: Map<string, string>) => void;
  /** The values to send. */
  sent: () => Record<string, unknown>;
}

function sentence({ message, hint }: Fault): string {
  return hint ? `${message} ${hint}` : message;
}

/** The path of a fault as an input's name: `region`, `inputs.region`, `fields.region`. */
function nameIn(path: string, inputs: Input[]): string | null {
  const bare = path.replace(/^(inputs|fields)\./, '');
  return (
    inputs.find(({ name }) => name === bare || bare.startsWith(`${name}[`) || bare.startsWith(`${name}.`))?.name ?? null
  );
}

/** Put it as `ref` on what is around the fields. */
export type Box = (element: HTMLElement | null) => void;

/** The state of a form that is made from inputs. */
export function useFields(inputs: Input[], first: () => FormValues, caller: string): [Fields, Box] {
  const [values, setValues] = useState(first);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [insisted, setInsisted] = useState(false);
  const [said, setSaid] = useState<Refused>({ faults: new Map(), values: {} });
  const [computed] = useState(() => computedAt(new Date(), caller));
  const [box, setBox] = useState<HTMLElement | null>(null);
  const shown = useMemo(() => shownFields(inputs, values, computed), [inputs, values, computed]);
  const change = useCallback((name: string, given: Given) => setValues((old) => ({ ...old, [name]: given })), []);

  const asked = inputs.filter(({ name }) => shown.get(name) !== 'no');
  const fields: Fields = {
    goToFault: () => box?.querySelector<HTMLElement>('.pf-m-error :is(input, select, textarea)')?.focus(),
    values,
    shown,
    computed,
    change,
    fill: (next) => {
      setValues((old) => ({ ...old, ...next }));
      setInsisted(false);
    },
    left: (event) => {
      const name = event.target.closest<HTMLElement>('[data-input]')?.dataset['input'];
      if (name !== undefined && !touched.has(name)) {
        afterPointer(() => setTouched((old) => new Set([...old, name])));
      }
    },
    faultOf: (input) => {
      const given = values[input.name] ?? null;
      const judged = insisted || (!isEmpty(given) && (touched.has(input.name) || input.type === 'json'));
      const unsure = shown.get(input.name) === 'unsure' && isEmpty(given);
      const own = judged && !unsure ? faultOf(input, given) : null;
      const faults = said.values[input.name] === values[input.name] ? said.faults.get(input.name) : undefined;
      return own ?? faults?.map(sentence).join(' ') ?? null;
    },
    refused: (error, only) => {
      const faults = new Map<string, Fault[]>();
      const elsewhere: Fault[] = [];
      for (const [path, list] of faultsByPath(error)) {
        const name = nameIn(path, inputs);
        if (name === null) {
          elsewhere.push(...list);
        } else if (only !== 'given' || !isEmpty(values[name] ?? null)) {
          faults.set(name, [...(faults.get(name) ?? []), ...list]);
        }
      }
      if (error === null || error instanceof ProblemError) {
        setSaid({ faults, values });
      }
      return elsewhere;
    },
    wrong: () => faultsOf(inputs, values, shown),
    insist: (faults) => {
      setInsisted(true);
      const [name] = faults.keys();
      const field = name === undefined ? null : box?.querySelector(`[data-input="${CSS.escape(name)}"]`);
      const control = field?.querySelector<HTMLElement>(
        'input:not([type="file"], [readonly]), select, textarea, button',
      );
      control?.focus();
    },
    sent: () => toInputs(asked, values),
  };
  return [fields, setBox];
}
