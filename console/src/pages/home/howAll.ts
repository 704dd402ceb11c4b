import type { ServiceSummary } from '../../api/shapes';
import { isIll } from '../../show/healthWords';
import { ALL_SERVICES, type ServiceRow, findServices } from '../services/filter';

interface HowAll {
  /** Worst first, each where it is worst of all that is ill. */
  ill: ServiceRow[];
  /** So many are unknown somewhere, and ill nowhere. */
  unknown: number;
}

export function howAll(services: ServiceSummary[]): HowAll {
  const ill: ServiceRow[] = [];
  let unknown = 0;
  for (const service of services) {
    const places = service.environments.filter(({ health }) => isIll(health));
    if (places.length > 0) {
      ill.push(...findServices([{ ...service, environments: places }], ALL_SERVICES).rows);
    } else if (service.environments.some(({ health }) => health === 'unknown')) {
      unknown += 1;
    }
  }
  return { ill, unknown };
}
