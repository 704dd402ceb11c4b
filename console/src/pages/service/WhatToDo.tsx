import { Link } from 'react-router';

import type { ScheduleSummary, ServiceRunbook, ServiceView } from '../../api/shapes';
import { EffectLabel } from '../../show/Effect';
import { Countdown } from '../../show/Moments';
import { projectPath } from '../../show/places';
import { StateGlyph } from '../../show/State';
import { VisibleText } from '../../show/VisibleText';
import { Section } from './Section';

function Runbook({ project, runbook }: { project: string; runbook: ServiceRunbook }) {
  return (
    <li>
      <Link to={projectPath(project, 'runbooks', runbook.name)}>
        <VisibleText text={runbook.title ?? runbook.name} />
      </Link>
      <EffectLabel effect={runbook.effect} />
    </li>
  );
}

function Schedule({ project, schedule }: { project: string; schedule: ScheduleSummary }) {
  return (
    <li>
      <span>
        <Link to={projectPath(project, 'schedules', schedule.name)}>
          <VisibleText text={schedule.title ?? schedule.name} />
        </Link>
        <span className="sb-cause">
          <VisibleText text={schedule.when} />
        </span>
      </span>
      <span className="sb-schedule-next">
        {schedule.paused ? (
          <span className="sb-state">
            <StateGlyph state="waiting" />
            paused
          </span>
        ) : schedule.next_at ? (
          <Countdown to={schedule.next_at} />
        ) : (
          <span className="sb-faint">not again</span>
        )}
      </span>
    </li>
  );
}

/** What may I do about it? Its runbooks, and what starts by time. */
export function WhatToDo({ view }: { view: ServiceView }) {
  const { project, runbooks } = view;
  const acts = runbooks.filter(({ watches }) => !watches);
  const watches = runbooks.filter((runbook) => runbook.watches);
  const schedules = view.schedules.filter(({ kind }) => kind === 'schedule');
  return (
    <Section title="What you can do">
      {acts.length === 0 ? (
        <p className="sb-faint">
          No runbook is for it yet. One says so with <code>service: {view.service.name}</code>.
        </p>
      ) : (
        <ul className="sb-acts" aria-label="Runbooks">
          {acts.map((runbook) => (
            <Runbook key={runbook.name} project={project} runbook={runbook} />
          ))}
        </ul>
      )}
      {schedules.length > 0 && (
        <>
          <h3>Starts by itself</h3>
          <ul className="sb-acts" aria-label="Schedules">
            {schedules.map((schedule) => (
              <Schedule key={schedule.name} project={project} schedule={schedule} />
            ))}
          </ul>
        </>
      )}
      {watches.length > 0 && (
        <>
          <h3>Watches it</h3>
          <ul className="sb-acts sb-watches" aria-label="Probes and collectors">
            {watches.map((runbook) => (
              <li key={runbook.name}>
                <Link to={projectPath(project, 'runbooks', runbook.name)}>
                  <VisibleText text={runbook.title ?? runbook.name} />
                </Link>
                <span className="sb-faint">{runbook.watches}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Section>
  );
}
