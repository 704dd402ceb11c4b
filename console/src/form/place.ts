import { createContext, useContext } from 'react';

/** Whose form it is: where files go, and who knows the options of a choice. */
export interface FormPlace {
  project: string;
  /** None where the fields are those of a step. */
  runbook: string | null;
  /** Set before the names of inputs, so that two forms on one page differ. */
  prefix: string;
}

export const FormPlaceContext = createContext<FormPlace>({ project: '', runbook: null, prefix: 'input' });

export function useFormPlace(): FormPlace {
  return useContext(FormPlaceContext);
}
