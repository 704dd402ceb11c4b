import type { ReactNode } from 'react';

const ICONS = {
  copy: <path d="M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1" />,
  check: <path d="m2.5 8.5 3.5 3.5 7.5-8" />,
  sun: (
    <>
      <circle cx="8" cy="8" r="3" />
      <path d="M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9 13 13M3 13l1.1-1.1M11.9 4.1 13 3" />
    </>
  ),
  moon: <path d="M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3z" />,
  menu: <path d="M2 4h12M2 8h12M2 12h12" />,
  person: (
    <>
      <circle cx="8" cy="5.2" r="2.7" />
      <path d="M2.7 14c.4-3 2.6-4.5 5.3-4.5s4.9 1.5 5.3 4.5" />
    </>
  ),
  play: <path d="M4.5 2.5v11l9-5.5z" />,
  stop: <path d="M4 4h8v8H4z" />,
  again: <path d="M13.5 8A5.5 5.5 0 1 1 11.6 3.8M13.5 1.5V5H10" />,
  up: <path d="m3.5 10 4.5-4.5L12.5 10" />,
  down: <path d="m3.5 6 4.5 4.5L12.5 6" />,
  close: <path d="m3.5 3.5 9 9m0-9-9 9" />,
  plus: <path d="M8 2.5v11M2.5 8h11" />,
  right: <path d="m6 3.5 4.5 4.5L6 12.5" />,
  link: (
    <>
      <path d="M7 4.5 9 2.5a2.8 2.8 0 0 1 4 4l-2.5 2.5a2.8 2.8 0 0 1-4 0" />
      <path d="M9 11.5l-2 2a2.8 2.8 0 0 1-4-4L5.5 7a2.8 2.8 0 0 1 4 0" />
    </>
  ),
  inventories: (
    <>
      <path d="M2 2.5h12v4.5H2zM2 9h12v4.5H2z" />
      <path d="M4.5 4.8h.1M4.5 11.3h.1" />
    </>
  ),
  runbooks: <path d="M3 2h8.5l1.5 1.5V14H3zM5.5 5.5h5M5.5 8h5M5.5 10.5h3" />,
  runs: <path d="M2 4h.1M5 4h9M2 8h.1M5 8h9M2 12h.1M5 12h9" />,
  services: <path d="M1.5 8.5h3L6.5 3l3.2 10 1.9-4.5h2.9" />,
  schedules: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M8 4.5V8l2.5 1.5" />
    </>
  ),
  pause: <path d="M5.5 3v10M10.5 3v10" />,
  tokens: (
    <>
      <circle cx="5" cy="11" r="3" />
      <path d="m7.2 8.8 6.3-6.3M11 5l2 2" />
    </>
  ),
  search: (
    <>
      <circle cx="7" cy="7" r="4.5" />
      <path d="m10.5 10.5 4 4" />
    </>
  ),
  external: <path d="M9 2.5h4.5V7M13.5 2.5 7.5 8.5M11.5 9v4.5h-9v-9H7" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof ICONS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="sb-icon" viewBox="0 0 16 16" aria-hidden="true">
      {ICONS[name]}
    </svg>
  );
}
