import { keepPreviousData, useQuery } from '@tanstack/react-query';

import type { RunView } from '../api/shapes';
import { useServicesLive } from '../live/useServicesLive';
import { placesOfRun } from './places';
import { pairQuery, serviceQuery } from './queries';
import type { PairView, Place } from './shapes';

export interface Pair {
  /** On what the run acts; none if that is no service, or one that nobody defined. */
  places: Place[];
  /** None until it is known. */
  view: PairView | undefined;
}

/** How that is on which a run acts: live while it goes on, and as a difference. */
export function usePair(run: RunView): Pair {
  const { project } = run;
  const { data: view } = useQuery({ ...pairQuery(run), placeholderData: keepPreviousData });
  const places = placesOfRun(run, view);
  const service = places[0]?.service;
  const { data: known } = useQuery({ ...serviceQuery(project, service ?? ''), enabled: service !== undefined });
  const paired = service !== undefined && known !== null;
  useServicesLive(project, paired);
  return { places: paired ? places : [], view };
}
