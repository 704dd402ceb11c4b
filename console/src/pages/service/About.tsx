import { Link } from 'react-router';

import type { ServiceView } from '../../api/shapes';
import { Links } from '../../show/Links';
import { Markdown } from '../../show/Markdown';
import { Ago } from '../../show/Moments';
import { projectPath, servicePath } from '../../show/places';
import { VisibleText } from '../../show/VisibleText';
import { Section } from './Section';

function Team({ project, name }: { project: string; name: string | null | undefined }) {
  return name ? (
    <Link to={projectPath(project, 'teams', name)}>{name}</Link>
  ) : (
    <span className="sb-faint">nobody is named</span>
  );
}

function Services({ project, names }: { project: string; names: string[] }) {
  return (
    <ul className="sb-inline-list">
      {names.map((name) => (
        <li key={name}>
          <Link to={servicePath(project, name)}>{name}</Link>
        </li>
      ))}
    </ul>
  );
}

/** What it is, whose it is, and what hangs together with it. */
export function About({ view }: { view: ServiceView }) {
  const { project, service, dependents } = view;
  const dependencies = service.depends_on ?? [];
  return (
    <Section title="About">
      {service.description && <Markdown text={service.description} />}
      <dl className="sb-values">
        <div>
          <dt>owner</dt>
          <dd>
            <Team project={project} name={service.owner} />
          </dd>
        </div>
        <div>
          <dt>operator</dt>
          <dd>
            <Team project={project} name={service.operator ?? service.owner} />
          </dd>
        </div>
        {dependencies.length > 0 && (
          <div>
            <dt>depends on</dt>
            <dd>
              <Services project={project} names={dependencies} />
            </dd>
          </div>
        )}
        <div>
          <dt>dependents</dt>
          <dd>
            {dependents.length > 0 ? (
              <Services project={project} names={dependents} />
            ) : (
              <span className="sb-faint">none</span>
            )}
          </dd>
        </div>
        {(service.links ?? []).length > 0 && (
          <div>
            <dt>links</dt>
            <dd>
              <Links links={service.links ?? []} />
            </dd>
          </div>
        )}
        <div>
          <dt>version</dt>
          <dd>
            <code title={view.digest}>{view.digest.slice(0, 12)}</code>{' '}
            <span className="sb-faint">
              published <Ago at={view.published_at} /> by <VisibleText text={view.published_by} />
            </span>
          </dd>
        </div>
      </dl>
    </Section>
  );
}
