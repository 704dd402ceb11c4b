import { useMutation } from '@tanstack/react-query';
import { type FocusEvent, useEffect, useRef, useState } from 'react';

import { answer, api } from '../../api/client';
import type { Fault, PlanView, RunbookView } from '../../api/shapes';
import { afterPointer } from '../../form/afterPointer';
import type { Fields } from '../../form/useFields';

export interface PlanState {
  /** The last one that there was. */
  plan: PlanView | null;
  /** Is it of other values than those in the form now? */
  stale: boolean;
  pending: boolean;
  error: unknown;
  /** What is wrong with the values, and belongs to no field. */
  faults: Fault[];
  /** Fields that have to be filled in, or put right, before there is a plan. */
  first: string[];
  refresh: () => void;
  left: (event: FocusEvent) => void;
}

/** What a run with these values would do: asked for when the form opens, when a changed field is left, and on demand. */
export function usePlan(view: RunbookView, fields: Fields): PlanState {
  const { project, runbook } = view;
  const [plan, setPlan] = useState<PlanView | null>(null);
  const [of, setOf] = useState('');
  const [faults, setFaults] = useState<Fault[]>([]);
  const [first, setFirst] = useState<string[]>([]);
  const asked = useRef('');
  const ask = useMutation({
    mutationFn: (inputs: Record<string, unknown>) =>
      answer(
        api.POST('/api/v1/projects/{project}/runbooks/{runbook}/plan', {
          params: { path: { project, runbook: runbook.name } },
          body: { inputs, via: 'console' },
        }),
      ),
  });
  const inputs = fields.sent();
  const text = JSON.stringify(inputs);

  const look = (again: boolean): void => {
    const wrong = fields.wrong();
    setFirst([...wrong.keys()]);
    if (wrong.size > 0 || (!again && asked.current === text)) {
      return;
    }
    asked.current = text;
    ask.mutate(inputs, {
      onSuccess: (next) => {
        setPlan(next);
        setOf(text);
        setFaults(fields.refused(null));
      },
      onError: (error) => setFaults(fields.refused(error, 'given')),
    });
  };

  const opened = useRef(false);
  useEffect(() => {
    if (!opened.current) {
      opened.current = true;
      look(false);
    }
  });
  return {
    plan,
    stale: plan !== null && of !== text,
    pending: ask.isPending,
    error: ask.error,
    faults,
    first: plan === null || of !== text ? first : [],
    refresh: () => look(true),
    left: (event) => {
      fields.left(event);
      afterPointer(() => look(false));
    },
  };
}
