import { Link, useSearchParams } from 'react-router';

import type { EnvironmentView } from '../../api/shapes';
import { HealthGlyph } from '../../show/Health';
import { healthWord } from '../../show/healthWords';

/** Which environment the page is about: each with how it is there, so that none is ill unseen. */
export function EnvironmentPills({ views, chosen }: { views: EnvironmentView[]; chosen: string | null }) {
  const [query] = useSearchParams();
  const to = (environment: string | null): string => {
    const next = new URLSearchParams(query);
    next.delete('environment');
    // What is compared is of the environment that is left.
    next.delete('against');
    if (environment !== null) {
      next.set('environment', environment);
    }
    return `?${next}`;
  };
  return (
    <nav className="sb-pills" aria-label="Environments">
      <Link to={to(null)} replace aria-current={chosen === null ? 'page' : undefined}>
        All environments
      </Link>
      {views.map(({ environment, health }) => (
        <Link
          key={environment}
          to={to(environment)}
          replace
          aria-current={chosen === environment ? 'page' : undefined}
          title={healthWord(health.health)}
        >
          <HealthGlyph health={health.health} />
          {environment}
          <span className="pf-v6-screen-reader">: {healthWord(health.health)}</span>
        </Link>
      ))}
    </nav>
  );
}
