import { Title } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import type { ReactNode } from 'react';

import type { Concurrency, Input, Runbook, RunbookView } from '../../api/shapes';
import { hintsOf } from '../../form/hints';
import { toGiven } from '../../form/values';
import { bytes, limit } from '../../show/time';
import { VisibleText } from '../../show/VisibleText';
import { Steps } from './Steps';

const DAY_S = 24 * 60 * 60;
const NOWHERE = { today: 'in UTC', now: 'in UTC', caller: 'whoever asks' };

function key({ key: parts }: Concurrency): string {
  return parts.map((part) => ('text' in part ? part.text : `{${part.input}}`)).join('/');
}

function onLost({ on_lost: lost }: Runbook): string | null {
  if (lost === undefined || (typeof lost === 'object' && lost.ask.for_s === DAY_S)) {
    return null;
  }
  if (lost === 'retry') {
    return 'it is tried again';
  }
  return lost === 'unknown' ? 'it is unknown at once' : `a person is asked for ${limit(lost.ask.for_s)}`;
}

/** What is said of the runbook as a whole, as far as it is said. */
function facts(runbook: Runbook): [string, ReactNode][] {
  const { labels = {}, limits, concurrency } = runbook;
  const said: [string, ReactNode][] = [
    ['service', runbook.service],
    ['change class', runbook.change_class?.replace('_', ' ')],
    ['environment', runbook.environment ?? 'production, since none is named'],
    [
      'labels',
      Object.keys(labels).length === 0
        ? null
        : Object.entries(labels).map(([name, value]) => (
            <code key={name} className="sb-label">
              {name}={value}
            </code>
          )),
    ],
    [
      'lock',
      concurrency && (
        <>
          <code>{key(concurrency)}</code>, {concurrency.limit} at once;{' '}
          {concurrency.when_full === 'refuse' ? 'further runs are refused' : 'further runs wait'}
        </>
      ),
    ],
    ['time', typeof runbook.timeout_s === 'number' ? `at most ${limit(runbook.timeout_s)}` : null],
    ['targets', typeof runbook.max_targets === 'number' ? `at most ${runbook.max_targets}` : null],
    ['an end nobody learns', onLost(runbook)],
    ['grace', typeof runbook.grace_s === 'number' ? `${limit(runbook.grace_s)} from TERM to KILL` : null],
    ['memory', limits?.memory_bytes ? `at most ${bytes(limits.memory_bytes)} a step` : null],
    ['processor', limits?.cpu_milli ? `at most ${limits.cpu_milli / 1000} cores a step` : null],
    ['processes', limits?.processes ? `at most ${limits.processes} a step` : null],
    ['output', `at most ${bytes(runbook.output_limit)} a step is kept`],
    ['user', runbook.run_as],
  ];
  return said.filter(([, value]) => value !== null && value !== undefined && value !== '');
}

function defaultOf(input: Input): ReactNode {
  const given = toGiven(input, input.default);
  if (given !== null) {
    return (
      <code>
        <VisibleText text={typeof given === 'string' ? given : JSON.stringify(given)} lines />
      </code>
    );
  }
  return input.default_from ? <em>{input.default_from}</em> : <span className="sb-faint">–</span>;
}

function kindOf(input: Input): string {
  return input.type === 'choice' && input.multiple ? 'several choices' : input.type;
}

function Inputs({ inputs }: { inputs: Input[] }) {
  if (inputs.length === 0) {
    return <p className="sb-faint">It asks for nothing.</p>;
  }
  return (
    <Table aria-label="Inputs" variant="compact" gridBreakPoint="" className="sb-table">
      <Thead>
        <Tr>
          <Th>Input</Th>
          <Th>Kind</Th>
          <Th>Default</Th>
          <Th width={50}>Meaning</Th>
        </Tr>
      </Thead>
      <Tbody>
        {inputs.map((input) => (
          <Tr key={input.name}>
            <Td dataLabel="Input" className="sb-cell-main">
              <code>{input.name}</code>
              {input.required && <span className="sb-needed"> needed</span>}
            </Td>
            <Td dataLabel="Kind" modifier="nowrap">
              {kindOf(input)}
            </Td>
            <Td dataLabel="Default">{defaultOf(input)}</Td>
            <Td dataLabel="Meaning">
              {input.description && <VisibleText text={input.description} />}{' '}
              <span className="sb-faint">{hintsOf(input, NOWHERE, false)}</span>
              {input.show_if && (
                <span className="sb-faint">
                  {' '}
                  Asked only if <code>{input.show_if}</code>.
                </span>
              )}
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="sb-procedure-part">
      <Title headingLevel="h2" size="md">
        {title}
      </Title>
      {children}
    </section>
  );
}

/** The procedure as it is written: inputs, rules, steps, handlers, cleanup, limits. */
export function Procedure({ view }: { view: RunbookView }) {
  const { runbook, project } = view;
  const { rules = [], on_failure: handlers = [], cleanup = [], outputs = {} } = runbook;
  return (
    <div className="sb-procedure">
      <div className="sb-procedure-steps">
        <Section title="Steps">
          <Steps steps={runbook.steps} project={project} />
        </Section>
        {handlers.length > 0 && (
          <Section title="If it fails">
            <Steps steps={handlers} project={project} />
          </Section>
        )}
        {cleanup.length > 0 && (
          <Section title="In the end, whatever happens">
            <Steps steps={cleanup} project={project} />
          </Section>
        )}
      </div>
      <div className="sb-procedure-about">
        <Section title="Inputs">
          <Inputs inputs={runbook.inputs} />
        </Section>
        {rules.length > 0 && (
          <Section title="Rules">
            <ul className="sb-rules">
              {rules.map((rule) => (
                <li key={rule.check}>
                  <code>{rule.check}</code> else: {rule.message}
                </li>
              ))}
            </ul>
          </Section>
        )}
        {Object.keys(outputs).length > 0 && (
          <Section title="Outputs">
            <dl className="sb-values">
              {Object.entries(outputs).map(([name, template]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>
                    <code>{template}</code>
                  </dd>
                </div>
              ))}
            </dl>
          </Section>
        )}
        <Section title="What holds for it">
          <dl className="sb-values sb-wide-values">
            {facts(runbook).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </Section>
      </div>
    </div>
  );
}
