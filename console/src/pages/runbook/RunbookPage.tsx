import { PageSection, Tab, TabTitleText, Tabs } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';

import { runQuery, runbookQuery, versionQuery } from '../../api/queries';
import type { RunbookView } from '../../api/shapes';
import { useRunsLive } from '../../live/useRunsLive';
import { useServicesLive } from '../../live/useServicesLive';
import { PairSide } from '../../pair/PairSide';
import { placesOf, serviceOf } from '../../pair/places';
import { serviceQuery } from '../../pair/queries';
import { useSession } from '../../shell/session';
import { EffectLabel } from '../../show/Effect';
import { Loading } from '../../show/Loading';
import { Markdown } from '../../show/Markdown';
import { Ago } from '../../show/Moments';
import { PageHead } from '../../show/PageHead';
import { limit } from '../../show/time';
import { Trouble, TroubleNote } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';
import { LastRuns } from './LastRuns';
import { Procedure } from './Procedure';
import { RunForm } from './RunForm';
import './runbook.css';
import { Source } from './Source';
import { Timetable } from './Timetable';
import { Versions } from './Versions';

const TABS = ['run', 'steps', 'document', 'versions'] as const;

/** The form, waiting for the earlier run whose inputs it begins with, if one is named. */
function StartPart({ view, planned }: { view: RunbookView; planned: (environments: string[]) => void }) {
  const [query] = useSearchParams();
  const again = query.get('again');
  const earlier = useQuery({ ...runQuery(view.project, again ?? ''), enabled: again !== null });
  if (again !== null && earlier.isPending) {
    return <Loading />;
  }
  return (
    <>
      {(earlier.error !== null || (earlier.data !== undefined && earlier.data.digest !== view.digest)) && (
        <div className="sb-runbook-note">
          {earlier.error !== null ? (
            <TroubleNote error={earlier.error} />
          ) : (
            <p className="sb-warn">
              The runbook has changed since that run; these are its inputs, for the version of now.
            </p>
          )}
        </div>
      )}
      <RunForm
        key={`${again ?? ''} ${JSON.stringify(view.runbook.inputs)}`}
        view={view}
        again={earlier.data}
        planned={planned}
      />
    </>
  );
}

/** How to get the view beside the form, for those who may define. */
function PairHint({ service }: { service: string | null }) {
  const { role } = useSession();
  if (role !== 'admin') {
    return null;
  }
  return (
    <p className="sb-faint sb-small">
      {service === null ? (
        <>
          Say <code>service:</code> in this runbook to see here how that service is doing.
        </>
      ) : (
        <>
          Apply a document <code>kind: Service</code> named <code>{service}</code> to see here how it is doing.
        </>
      )}
    </p>
  );
}

/** The form and the plan, and beside them how that is on which they act. */
function RunPart({ view }: { view: RunbookView }) {
  const { runbook, project } = view;
  const [environments, setEnvironments] = useState<string[]>([]);
  const service = serviceOf(runbook);
  const { data: known } = useQuery({ ...serviceQuery(project, service ?? ''), enabled: service !== null });
  const paired = service !== null && known !== null;
  useServicesLive(project, paired);
  const act = (
    <div className="sb-runbook-frame">
      <div className="sb-runbook">
        {runbook.description && (
          <div className="sb-runbook-description">
            <Markdown text={runbook.description} />
          </div>
        )}
        {view.retired_at ? (
          <p className="sb-runbook-retired">It is retired, and no longer runs.</p>
        ) : (
          <StartPart view={view} planned={setEnvironments} />
        )}
        <div className="sb-runbook-when">
          <Timetable view={view} />
          <LastRuns view={view} />
          {!paired && <PairHint service={service} />}
        </div>
      </div>
    </div>
  );
  // The same element in both, so that what was typed stays when the service turns out not to be there.
  return (
    <div className={paired ? 'sb-pair' : undefined}>
      {paired && <PairSide project={project} places={placesOf(runbook, environments)} />}
      {act}
    </div>
  );
}

/** The document of now, or of the version that the address names. */
function DocumentPart({ view }: { view: RunbookView }) {
  const [query] = useSearchParams();
  const digest = query.get('version');
  const other = digest !== null && digest !== view.digest;
  const earlier = useQuery({ ...versionQuery(view.project, view.runbook.name, digest ?? ''), enabled: other });
  if (!other) {
    return <Source view={view} />;
  }
  if (earlier.data === undefined) {
    return earlier.error === null ? <Loading /> : <TroubleNote error={earlier.error} />;
  }
  return (
    <>
      <p className="sb-warn">
        This is the version <code>{earlier.data.digest.slice(0, 12)}</code>, which is not the current one.{' '}
        <Link to="?tab=document">Show the current one</Link>
      </p>
      <Source view={earlier.data} />
    </>
  );
}

function Facts({ view }: { view: RunbookView }) {
  const { runbook } = view;
  return (
    <>
      {runbook.service && (
        <span>
          service <VisibleText text={runbook.service} />
        </span>
      )}
      <span>
        version <code title={view.digest}>{view.digest.slice(0, 12)}</code>, published <Ago at={view.published_at} /> by{' '}
        <VisibleText text={view.published_by} />
      </span>
      {typeof runbook.timeout_s === 'number' && <span>at most {limit(runbook.timeout_s)}</span>}
      {runbook.change_class && <span>{runbook.change_class.replace('_', ' ')}</span>}
      {Object.entries(runbook.labels ?? {}).map(([label, value]) => (
        <code key={label} className="sb-label">
          <VisibleText text={`${label}=${value}`} />
        </code>
      ))}
    </>
  );
}

export default function RunbookPage() {
  const { project = '', runbook: name = '' } = useParams();
  const [query, setQuery] = useSearchParams();
  const { data: view, error, refetch } = useQuery(runbookQuery(project, name));
  usePageTitle(view?.runbook.title ?? name);
  useRunsLive(project);
  if (view === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  const tab = TABS.find((each) => each === query.get('tab')) ?? 'run';
  const choose = (next: string | number): void => {
    const rest = new URLSearchParams(query);
    // What is compared, and which tab, is of the tab that is left.
    for (const part of ['tab', 'from', 'to', 'version']) {
      rest.delete(part);
    }
    if (next !== 'run') {
      rest.set('tab', String(next));
    }
    setQuery(rest, { replace: true });
  };
  return (
    <>
      <PageHead
        above={{ to: `/p/${encodeURIComponent(project)}/runbooks`, name: 'Runbooks', here: view.runbook.name }}
        title={<VisibleText text={view.runbook.title ?? view.runbook.name} />}
        beside={<EffectLabel effect={view.runbook.effect} />}
        facts={<Facts view={view} />}
      />
      <PageSection isFilled className="sb-body sb-tabbed">
        <Tabs
          activeKey={tab}
          onSelect={(_event, next) => choose(next)}
          aria-label="The runbook"
          mountOnEnter
          unmountOnExit
        >
          <Tab eventKey="run" title={<TabTitleText>Run</TabTitleText>}>
            <RunPart view={view} />
          </Tab>
          <Tab eventKey="steps" title={<TabTitleText>Steps</TabTitleText>}>
            <Procedure view={view} />
          </Tab>
          <Tab eventKey="document" title={<TabTitleText>Document</TabTitleText>}>
            <DocumentPart view={view} />
          </Tab>
          <Tab eventKey="versions" title={<TabTitleText>Versions</TabTitleText>}>
            <Versions project={project} runbook={name} retired={Boolean(view.retired_at)} />
          </Tab>
        </Tabs>
      </PageSection>
    </>
  );
}
