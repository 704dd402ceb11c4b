/** A cron expression in words, for the shapes that people write; `null` for one that is clearer as it is written. */
export function cronWords(expression: string): string | null {
  const fields = expression.trim().toUpperCase().split(/\s+/);
  const [second = '', minute = '', hour = '', day = '', month = '', weekday = ''] =
    fields.length === 5 ? ['0', ...fields] : fields;
  if (fields.length !== 5 && fields.length !== 6) {
    return null;
  }
  const time = timeWords(second, minute, hour);
  const days = dayWords(day, weekday);
  const months = month === '*' ? '' : listed(month, monthName);
  if (time === null || days === null || months === null) {
    return null;
  }
  const on = days === '' ? (time.startsWith('at ') && month === '*' ? 'every day' : '') : days;
  return [time, on, months === '' ? '' : `in ${months}`].filter((part) => part !== '').join(', ');
}

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth'];
/** More times of a day are not read one by one any more. */
const MOST_TIMES = 4;

function two(value: string): string {
  return value.padStart(2, '0');
}

function isNumber(field: string): boolean {
  return /^\d+$/.test(field);
}

function stepOf(field: string): string | null {
  return /^\*\/(\d+)$/.exec(field)?.[1] ?? null;
}

/** `a`, `a and b`, `a, b and c`. */
export function joined(parts: string[], word = 'and'): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} ${word} ${parts.at(-1)}`;
}

function every(count: string, unit: string): string {
  return count === '1' ? `every ${unit}` : `every ${count} ${unit}s`;
}

function timeWords(second: string, minute: string, hour: string): string | null {
  if (second === '*' || stepOf(second) !== null) {
    return minute === '*' && hour === '*' ? every(stepOf(second) ?? '1', 'second') : null;
  }
  if (!isNumber(second)) {
    return null;
  }
  const exact = second === '0' ? '' : `:${two(second)}`;
  const hours = hour.split(',');
  if (isNumber(minute) && hours.every(isNumber) && hours.length <= MOST_TIMES) {
    return `at ${joined(hours.map((each) => `${two(each)}:${two(minute)}${exact}`))}`;
  }
  if (exact !== '') {
    return null;
  }
  const [from, to] = /^(\d+)-(\d+)$/.exec(hour)?.slice(1) ?? [];
  const minutes = minute === '*' ? '1' : stepOf(minute);
  if (minutes !== null) {
    const pace = every(minutes, 'minute');
    return hour === '*' ? pace : from && to ? `${pace} from ${two(from)}:00 to ${two(to)}:59` : null;
  }
  if (!isNumber(minute)) {
    return null;
  }
  if (from && to) {
    return `every hour from ${two(from)}:${two(minute)} to ${two(to)}:${two(minute)}`;
  }
  const pace = hour === '*' ? 'every hour' : stepOf(hour) === null ? null : every(stepOf(hour) ?? '', 'hour');
  return pace === null ? null : minute === '0' ? `${pace}, on the hour` : `${pace}, at minute ${minute}`;
}

/** Single values and ranges of a field. */
function listed(field: string, name: (value: string) => string | null): string | null {
  const parts = field.split(',').map((part) => {
    const ends = part.split('-').map(name);
    return ends.length > 2 || ends.includes(null) ? null : ends.join(' to ');
  });
  // 0 and 7 are one day.
  return parts.includes(null) ? null : joined([...new Set(parts as string[])]);
}

function monthName(value: string): string | null {
  return (
    MONTHS[
      isNumber(value) ? Number(value) - 1 : MONTHS.findIndex((name) => name.toUpperCase().slice(0, 3) === value)
    ] ?? null
  );
}

function weekdayName(value: string): string | null {
  const at = isNumber(value)
    ? Number(value) % 7
    : WEEKDAYS.findIndex((name) => name.toUpperCase().slice(0, 3) === value);
  return Number(value) > 7 ? null : (WEEKDAYS[at] ?? null);
}

function dayOfMonth(field: string): string | null {
  if (field === 'L') {
    return 'on the last day of the month';
  }
  const near = /^(\d+)W$/.exec(field)?.[1];
  if (near !== undefined) {
    return `on the weekday nearest to day ${near}`;
  }
  const days = listed(field, (value) => (isNumber(value) ? value : null));
  return days === null ? null : `on ${/\D/.test(days) ? 'days' : 'day'} ${days} of the month`;
}

function dayOfWeek(field: string): string | null {
  const [, nth, which] = /^(\w+)#([1-5])$/.exec(field) ?? [];
  if (nth !== undefined && which !== undefined) {
    const name = weekdayName(nth);
    return name === null ? null : `on the ${ORDINALS[Number(which) - 1]} ${name} of the month`;
  }
  const last = /^(\w+)L$/.exec(field)?.[1];
  if (last !== undefined) {
    const name = weekdayName(last);
    return name === null ? null : `on the last ${name} of the month`;
  }
  const names = listed(field, weekdayName);
  return names === null ? null : /^\w+$/.test(names) ? `every ${names}` : names;
}

/** Where both are given, either will do. Empty if it is any day. */
function dayWords(day: string, weekday: string): string | null {
  const parts = [day === '*' ? '' : dayOfMonth(day), weekday === '*' ? '' : dayOfWeek(weekday)];
  return parts.includes(null) ? null : parts.filter((part) => part !== '').join(' or ');
}
