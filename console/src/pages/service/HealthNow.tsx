import { Link } from 'react-router';

import type { EnvironmentView, HealthEvidence, Neighbour } from '../../api/shapes';
import { HealthLabel } from '../../show/Health';
import { isIll } from '../../show/healthWords';
import { Ago } from '../../show/Moments';
import { projectPath, servicePath } from '../../show/places';
import { Prose } from '../../show/Prose';
import { VisibleText } from '../../show/VisibleText';

interface ProbeProps {
  project: string;
  probe: HealthEvidence;
  /** Of the whole, and said already. */
  cause: string;
}

function Probe({ project, probe, cause }: ProbeProps) {
  return (
    <li>
      <HealthLabel health={probe.health} />
      <span className="sb-evidence-what">
        <Link to={projectPath(project, 'runbooks', probe.probe)}>
          <VisibleText text={probe.probe} />
        </Link>
        {probe.health !== 'ok' && !cause.startsWith(probe.why) && (
          <span className="sb-cause">
            <Prose text={probe.why} />
          </span>
        )}
      </span>
      <span className="sb-evidence-when">
        {probe.since && <Ago at={probe.since} />}
        {probe.run && (
          <Link to={projectPath(project, 'runs', probe.run)} aria-label={`Run of ${probe.probe} that showed it`}>
            run
          </Link>
        )}
      </span>
    </li>
  );
}

function Dependency({
  project,
  environment,
  neighbour,
}: {
  project: string;
  environment: string;
  neighbour: Neighbour;
}) {
  return (
    <li>
      <HealthLabel health={neighbour.health} />
      <span className="sb-evidence-what">
        <Link to={servicePath(project, neighbour.service, environment)}>{neighbour.service}</Link>
        {isIll(neighbour.health) && (
          <span className="sb-cause">
            <Prose text={neighbour.cause} />
          </span>
        )}
      </span>
      <span className="sb-evidence-when">{neighbour.since && <Ago at={neighbour.since} />}</span>
    </li>
  );
}

function HowToWatch({ service, environment }: { service: string; environment: string }) {
  return (
    <p className="sb-faint">
      A runbook that only reads can watch it:{' '}
      <code>{`probe: {service: ${service}, environment: ${environment}, every: 30s}`}</code>
    </p>
  );
}

interface HealthCardProps {
  project: string;
  service: string;
  view: EnvironmentView;
}

/** Is it well in an environment, since when, and why; what it depends on stands beside it, and is never mixed in. */
function HealthCard({ project, service, view }: HealthCardProps) {
  const { environment, health, dependencies } = view;
  const likely = isIll(health.health) && dependencies.some((neighbour) => isIll(neighbour.health));
  return (
    <section className="sb-health-card" data-health={health.health} aria-label={`Health in ${environment}`}>
      <header>
        <h3>
          <VisibleText text={environment} />
        </h3>
        <HealthLabel health={health.health} large />
        {health.since && (
          <span className="sb-faint">
            since <Ago at={health.since} />
          </span>
        )}
      </header>
      <div className="sb-health-parts">
        <div>
          <p className="sb-health-cause">
            <Prose text={health.cause} />
          </p>
          {health.evidence.length === 0 ? (
            <HowToWatch service={service} environment={environment} />
          ) : (
            <ul className="sb-evidence" aria-label={`Probes in ${environment}`}>
              {health.evidence.map((probe) => (
                <Probe key={probe.probe} project={project} probe={probe} cause={health.cause} />
              ))}
            </ul>
          )}
        </div>
        {dependencies.length > 0 && (
          <div>
            <h4>
              Depends on
              {likely && <span className="sb-warn"> · the likely cause</span>}
            </h4>
            <ul className="sb-evidence" aria-label={`What it depends on in ${environment}`}>
              {dependencies.map((neighbour) => (
                <Dependency key={neighbour.service} project={project} environment={environment} neighbour={neighbour} />
              ))}
            </ul>
          </div>
        )}
      </div>
    </section>
  );
}

export function HealthNow({ project, service, views }: { project: string; service: string; views: EnvironmentView[] }) {
  return (
    <div className="sb-health-cards">
      {views.map((view) => (
        <HealthCard key={view.environment} project={project} service={service} view={view} />
      ))}
    </div>
  );
}
