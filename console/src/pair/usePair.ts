import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';

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
  const client = useQueryClient();
  const { project } = run;
  const { data: view } = useQuery({ ...pairQuery(run), placeholderData: keepPreviousData });
  const places = placesOfRun(run, view);
  const service = places[0]?.service;
  const { data: known } = useQuery({ ...serviceQuery(project, service ?? ''), enabled: service !== undefined });
  const paired = service !== undefined && known !== null;
  useServicesLive(project, paired);
  // What is told as different from before is so now: the rest of the view must not say otherwise.
  const changed = JSON.stringify(view?.changed ?? null);
  const told = useRef(changed);
  useEffect(() => {
    if (told.current !== changed && service !== undefined) {
      void client.invalidateQueries({ queryKey: ['service', project, service] });
    }
    told.current = changed;
  }, [client, project, service, changed]);
  return { places: paired ? places : [], view };
}
