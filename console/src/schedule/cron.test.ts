import { expect, test } from 'vitest';

import { cronWords } from './cron';

test('what people write is read as they would say it', () => {
  const words = {
    '0 3 * * *': 'at 03:00, every day',
    '30 3 15 * * *': 'at 15:03:30, every day',
    '0 8,12,18 * * *': 'at 08:00, 12:00 and 18:00, every day',
    '*/15 * * * *': 'every 15 minutes',
    '* * * * *': 'every minute',
    '*/10 * * * * *': 'every 10 seconds',
    '* * * * * *': 'every second',
    '0 * * * *': 'every hour, on the hour',
    '5 */6 * * *': 'every 6 hours, at minute 5',
    '0 8-17 * * MON-FRI': 'every hour from 08:00 to 17:00, Monday to Friday',
    '*/5 8-17 * * 1-5': 'every 5 minutes from 08:00 to 17:59, Monday to Friday',
    '0 9 * * mon': 'at 09:00, every Monday',
    '0 9 * * 0,7': 'at 09:00, every Sunday',
    '0 9 * * MON,WED,FRI': 'at 09:00, Monday, Wednesday and Friday',
    '0 0 12 L * *': 'at 12:00, on the last day of the month',
    '0 9 15W * *': 'at 09:00, on the weekday nearest to day 15',
    '0 9 * * 1#2': 'at 09:00, on the second Monday of the month',
    '0 9 * * 5L': 'at 09:00, on the last Friday of the month',
    '0 9 1 * FRI': 'at 09:00, on day 1 of the month or every Friday',
    '0 9 1,15 1-3 *': 'at 09:00, on days 1 and 15 of the month, in January to March',
    '0 9 * JAN *': 'at 09:00, in January',
  };
  expect(Object.keys(words).map(cronWords)).toEqual(Object.values(words));
});

test('what would be longer in words than as it is written stays as it is written', () => {
  for (const expression of ['1,7,31 * * * *', '0 8-17/2 * * *', '*/5 3 * * * *', '0 3 *', '', '0 3 * * FUNDAY']) {
    expect(cronWords(expression), expression).toBeNull();
  }
});
