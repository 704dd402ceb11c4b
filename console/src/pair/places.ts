import type { Runbook, RunView } from '../api/shapes';
import type { PairView, Place } from './shapes';

/** Where a runbook belongs that says nothing. */
const PRODUCTION = 'production';

/** The service that a runbook acts on, or looks at. */
export function serviceOf({
  service,
  probe,
  collects,
}: Pick<Runbook, 'service' | 'probe' | 'collects'>): string | null {
  return probe?.service ?? collects?.service ?? service ?? null;
}

/** Where that is: the environments of its targets once they are known. */
export function placesOf(
  runbook: Pick<Runbook, 'service' | 'environment' | 'probe' | 'collects'>,
  environments: readonly string[],
): Place[] {
  const service = serviceOf(runbook);
  if (service === null) {
    return [];
  }
  const watched = runbook.probe?.environment ?? runbook.collects?.environment;
  const all = watched ? [watched] : environments.length > 0 ? environments : [runbook.environment ?? PRODUCTION];
  return all.map((environment) => ({ service, environment }));
}

/** What a run belongs to: as the server says, and until then as it was asked for. */
export function placesOfRun(run: Pick<RunView, 'service' | 'environment'>, pair: PairView | undefined): Place[] {
  if (pair !== undefined) {
    return pair.services;
  }
  return run.service ? [{ service: run.service, environment: run.environment ?? PRODUCTION }] : [];
}
