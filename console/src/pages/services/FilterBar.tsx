import { FormSelect, FormSelectOption, SearchInput } from '@patternfly/react-core';

import type { Health, ServiceFilter, ServiceSummary } from '../../api/shapes';
import { HealthGlyph } from '../../show/Health';
import { HEALTHS, healthWord } from '../../show/healthWords';
import { LIFECYCLES, environmentsOf, teamsOf, toggled } from './filter';

interface OneOfProps {
  label: string;
  /** What it says while none is chosen. */
  all: string;
  names: readonly string[];
  value: string | null;
  change: (name: string | null) => void;
}

function OneOf({ label, all, names, value, change }: OneOfProps) {
  // The address may name one that is not there any more.
  const known = value === null || names.includes(value) ? names : [value, ...names];
  return (
    <FormSelect
      aria-label={label}
      className="sb-service-filter"
      value={value ?? ''}
      onChange={(_event, name) => change(name === '' ? null : name)}
    >
      <FormSelectOption value="" label={all} />
      {known.map((name) => (
        <FormSelectOption key={name} value={name} label={name} />
      ))}
    </FormSelect>
  );
}

/** These come with objectives: nobody needs a button for what does not occur. */
const RARE: ReadonlySet<Health> = new Set(['data_error', 'degraded']);

interface FilterBarProps {
  services: ServiceSummary[];
  counts: Record<Health, number>;
  filter: ServiceFilter;
  change: (filter: ServiceFilter) => void;
}

export function FilterBar({ services, counts, filter, change }: FilterBarProps) {
  const states = HEALTHS.filter((health) => !RARE.has(health) || counts[health] > 0 || filter.healths.includes(health));
  return (
    <div className="sb-filters" role="group" aria-label="Filter">
      <div className="sb-states" role="group" aria-label="Health">
        {states.map((health) => (
          <button
            key={health}
            type="button"
            aria-pressed={filter.healths.includes(health)}
            onClick={() => change({ ...filter, healths: toggled(filter.healths, health) })}
          >
            <HealthGlyph health={health} />
            {healthWord(health)} <span className="sb-count">{counts[health].toLocaleString('en')}</span>
          </button>
        ))}
      </div>
      <div className="sb-service-filters">
        <SearchInput
          className="sb-filter"
          aria-label="Filter services"
          placeholder="Name, title, team"
          value={filter.text}
          onChange={(_event, text) => change({ ...filter, text })}
          onClear={() => change({ ...filter, text: '' })}
        />
        <OneOf
          label="Team"
          all="All teams"
          names={teamsOf(services)}
          value={filter.team}
          change={(team) => change({ ...filter, team })}
        />
        <OneOf
          label="Environment"
          all="All environments"
          names={environmentsOf(services)}
          value={filter.environment}
          change={(environment) => change({ ...filter, environment })}
        />
        <OneOf
          label="Lifecycle"
          all="Every lifecycle"
          names={LIFECYCLES}
          value={filter.lifecycle}
          change={(name) => change({ ...filter, lifecycle: LIFECYCLES.find((each) => each === name) ?? null })}
        />
      </div>
    </div>
  );
}
