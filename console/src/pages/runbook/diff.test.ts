import { expect, test } from 'vitest';

import { paired, readDiff } from './diff';

const TEXT = `--- a/restart.yaml
+++ b/restart.yaml
@@ -2,4 +2,5 @@
 name: restart
-title: Restart
+title: Restart the web tier
+service: storefront
 steps:
   - name: roll
@@ -20 +21,0 @@
-last
\\ No newline at end of file
`;

test('a unified diff becomes lines with their numbers', () => {
  const hunks = readDiff(TEXT);
  expect(hunks).toHaveLength(2);
  expect(hunks[0]?.skipped).toBe(1);
  expect(hunks[0]?.lines.map((line) => `${line.kind} ${line.old} ${line.new} ${line.text}`)).toEqual([
    'same 2 2 name: restart',
    'removed 3 null title: Restart',
    'added null 3 title: Restart the web tier',
    'added null 4 service: storefront',
    'same 4 5 steps:',
    'same 5 6   - name: roll',
  ]);
  expect(hunks[1]).toEqual({
    skipped: 15,
    lines: [{ kind: 'removed', old: 20, new: null, text: 'last', open: true }],
  });
});

test('nothing is a diff without hunks', () => {
  expect(readDiff('')).toEqual([]);
  expect(readDiff('--- a\n+++ b\n')).toEqual([]);
});

test('what was removed stands beside what was added', () => {
  const [hunk] = readDiff(TEXT);
  expect(paired(hunk?.lines ?? []).map(({ old, new: next }) => [old?.text ?? null, next?.text ?? null])).toEqual([
    ['name: restart', 'name: restart'],
    ['title: Restart', 'title: Restart the web tier'],
    [null, 'service: storefront'],
    ['steps:', 'steps:'],
    ['  - name: roll', '  - name: roll'],
  ]);
});
