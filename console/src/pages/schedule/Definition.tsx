import { Title } from '@patternfly/react-core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';

import type { ScheduleView } from '../../api/shapes';
import { catchUpWords, overlapWords } from '../../schedule/firings';
import { timingIn } from '../../schedule/when';
import { WhenWords } from '../../schedule/WhenWords';
import { CopyButton } from '../../show/CopyButton';
import { Moment } from '../../show/Moments';
import { limit } from '../../show/time';
import { VisibleText } from '../../show/VisibleText';

function written(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function values(view: ScheduleView): [string, ReactNode][] {
  const { schedule, project, digest } = view;
  const { when, jitter_s: jitter, from, until, reason } = schedule;
  const all: [string, ReactNode][] = [
    [
      'runbook',
      <Link key="runbook" to={`/p/${encodeURIComponent(project)}/runbooks/${encodeURIComponent(schedule.runbook)}`}>
        <VisibleText text={schedule.runbook} />
      </Link>,
    ],
    ['when', <WhenWords key="when" timing={timingIn(when, view.when)} />],
    [
      'cron',
      'cron' in when &&
        when.cron.expressions.map((expression) => (
          <code key={expression} className="sb-label">
            {expression}
          </code>
        )),
    ],
    ['reason', reason && <VisibleText key="reason" text={reason} />],
    ['from', from && <Moment key="from" at={from} />],
    ['until', until && <Moment key="until" at={until} />],
    [
      'jitter',
      typeof jitter === 'number' && `each is performed up to ${limit(jitter)} later, always the same for the same one`,
    ],
    ['catch up', catchUpWords(schedule.catch_up)],
    ['overlap', overlapWords(schedule.overlap)],
    [
      'version',
      <span key="version">
        <code title={digest}>{digest.slice(0, 12)}</code>
        <CopyButton text={digest} label="Copy the version’s digest" />
      </span>,
    ],
  ];
  return all.filter(([, value]) => value !== false && value !== null && value !== undefined && value !== '');
}

/** What the document says, in words. */
export function Definition({ view }: { view: ScheduleView }) {
  const inputs = Object.entries(view.schedule.inputs ?? {});
  return (
    <>
      <section className="sb-schedule-part">
        <Title headingLevel="h2" size="md">
          Definition
        </Title>
        <dl className="sb-values" aria-label="Definition">
          {values(view).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section className="sb-schedule-part">
        <Title headingLevel="h2" size="md">
          Inputs
        </Title>
        {inputs.length === 0 ? (
          <p className="sb-faint">It gives none: the runbook’s defaults hold.</p>
        ) : (
          <dl className="sb-values" aria-label="Inputs">
            {inputs.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>
                  <code>
                    <VisibleText text={written(value)} lines />
                  </code>
                </dd>
              </div>
            ))}
          </dl>
        )}
      </section>
    </>
  );
}
