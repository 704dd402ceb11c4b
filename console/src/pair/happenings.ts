import type { Happening } from '../api/shapes';
import type { Place } from './shapes';

/** Of what happened to a service that which matters in an environment, without the run that one looks at. */
export function inPlace(happenings: readonly Happening[], { environment }: Place, run?: string): Happening[] {
  return happenings.filter((happening) => {
    switch (happening.what) {
      case 'health':
      case 'fact':
        return happening.environment === environment;
      case 'run':
        return happening.run.id !== run;
      case 'firing':
        return true;
    }
  });
}
