import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { answer, api } from '../api/client';
import type { ChoiceOption, Input } from '../api/shapes';
import { useFormPlace } from './place';
import { inputsIn } from './showIf';
import { type FormValues, isEmpty } from './values';

type ChoiceInput = Extract<Input, { type: 'choice' }>;

/** What the options of a choice depend on. */
export function dependsOn(input: ChoiceInput): string[] {
  const from = input.from;
  if (!from) {
    return [];
  }
  const texts = 'url' in from ? [from.url.url] : Object.values(from.runbook.inputs ?? {});
  return [...new Set(texts.flatMap(inputsIn))];
}

function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

export interface Offered {
  options: ChoiceOption[];
  /** The inputs that have to be filled in first. */
  missing: string[];
  loading: boolean;
  error: unknown;
  again: () => void;
}

const SETTLE_MS = 400;
const FRESH_MS = 60_000;

/** The options of a choice: written in the runbook, or fetched when the form opens and when what they depend on changes. */
export function useChoices(input: ChoiceInput, before: FormValues): Offered {
  const { project, runbook } = useFormPlace();
  const names = dependsOn(input);
  const given = Object.fromEntries(names.map((name) => [name, before[name] ?? null]));
  const settled = useSettled(JSON.stringify(given), SETTLE_MS);
  const missing = names.filter((name) => isEmpty(before[name] ?? null));
  const fetched = input.from !== undefined && input.from !== null && runbook !== null;
  const query = useQuery({
    queryKey: ['choices', project, runbook, input.name, settled],
    queryFn: ({ signal }) =>
      answer(
        api.POST('/api/v1/projects/{project}/runbooks/{runbook}/choices/{input}', {
          params: { path: { project, runbook: runbook ?? '', input: input.name } },
          body: { inputs: JSON.parse(settled) as Record<string, unknown> },
          signal,
        }),
      ),
    enabled: fetched && missing.length === 0,
    staleTime: FRESH_MS,
    retry: false,
  });
  const written = (input.options ?? []).map((value) => ({ value }));
  return {
    options: fetched ? (query.data?.options ?? written) : written,
    missing: fetched ? missing : [],
    loading: fetched && missing.length === 0 && query.isFetching,
    error: fetched && missing.length === 0 ? query.error : null,
    again: () => void query.refetch(),
  };
}
