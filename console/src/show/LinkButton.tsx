import { Button, type ButtonProps } from '@patternfly/react-core';
import type { ReactNode } from 'react';
import { useHref, useLinkClickHandler } from 'react-router';

type LinkButtonProps = Pick<ButtonProps, 'variant' | 'icon' | 'size'> & { to: string; children: ReactNode };

/** A link that looks like a button, since it is what to do next. */
export function LinkButton({ to, children, ...look }: LinkButtonProps) {
  const href = useHref(to);
  const follow = useLinkClickHandler<HTMLAnchorElement>(to);
  return (
    <Button
      {...look}
      component="a"
      href={href}
      onClick={(event) => follow(event as unknown as React.MouseEvent<HTMLAnchorElement>)}
    >
      {children}
    </Button>
  );
}
