import { PageSection } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';

import type { ScheduleView } from '../../api/shapes';
import { useRunsLive } from '../../live/useRunsLive';
import { PauseButton } from '../../schedule/PauseButton';
import { PausedNote } from '../../schedule/PausedNote';
import { scheduleQuery } from '../../schedule/queries';
import '../../schedule/schedule.css';
import { timingIn } from '../../schedule/when';
import { WhenWords } from '../../schedule/WhenWords';
import { Loading } from '../../show/Loading';
import { Markdown } from '../../show/Markdown';
import { Countdown } from '../../show/Moments';
import { PageHead } from '../../show/PageHead';
import { Trouble } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';
import { Definition } from './Definition';
import { Firings } from './Firings';
import { NextFirings } from './NextFirings';

function Facts({ view }: { view: ScheduleView }) {
  return (
    <>
      <span>
        runs{' '}
        <Link to={`/p/${encodeURIComponent(view.project)}/runbooks/${encodeURIComponent(view.runbook)}`}>
          <VisibleText text={view.runbook} />
        </Link>
      </span>
      <span>
        <WhenWords timing={timingIn(view.schedule.when, view.when)} />
      </span>
      {view.next_at && (
        <span>
          next <Countdown to={view.next_at} />
        </span>
      )}
    </>
  );
}

export default function SchedulePage() {
  const { project = '', schedule: name = '' } = useParams();
  const { data: view, error, refetch } = useQuery(scheduleQuery(project, name));
  usePageTitle(view?.title ?? name);
  useRunsLive(project);
  if (view === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  const { schedule, paused } = view;
  return (
    <>
      <PageHead
        above={{ to: `/p/${encodeURIComponent(project)}/schedules`, name: 'Schedules', here: view.name }}
        title={<VisibleText text={view.title ?? view.name} />}
        beside={paused && <span className="sb-paused-badge">paused</span>}
        facts={<Facts view={view} />}
        actions={<PauseButton schedule={view} />}
      />
      <PageSection isFilled className="sb-body">
        {paused && (
          <div className="sb-paused-card">
            <PausedNote pause={paused} />
          </div>
        )}
        <div className="sb-schedule">
          <div className="sb-schedule-side">
            {schedule.description && <Markdown text={schedule.description} />}
            <NextFirings view={view} />
            <Definition view={view} />
          </div>
          <Firings view={view} />
        </div>
      </PageSection>
    </>
  );
}
