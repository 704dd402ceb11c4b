import { JsonLink } from '../../show/JsonLink';
import { Title } from '@patternfly/react-core';
import { type ReactNode, useId } from 'react';

interface SectionProps {
  title: string;
  /** The address of its numbers. */
  json?: string | undefined;
  /** Beside the title, such as what it is asked by. */
  beside?: ReactNode;
  children: ReactNode;
}

/** One of the questions that the page of a service answers. */
export function Section({ title, json, beside, children }: SectionProps) {
  const id = useId();
  return (
    <section className="sb-service-section" aria-labelledby={id}>
      <div className="sb-service-section-head">
        <Title headingLevel="h2" size="lg" id={id}>
          {title}
        </Title>
        {json !== undefined && <JsonLink to={json} of={title} />}
        {beside && <div className="sb-service-section-beside">{beside}</div>}
      </div>
      {children}
    </section>
  );
}
