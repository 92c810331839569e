import { expect, test } from 'vitest';
import { AckSchedule } from '../../../../node-core/stream/ack-schedule.ts';
import { STREAM_DEFAULTS } from '../../../../node-core/stream/stream-config.ts';

test('acknowledges the first 32 segments at once, then every second or after 5 ms', () => {
  const acks = new AckSchedule(STREAM_DEFAULTS);
  for (let segment = 0; segment < 32; segment++) {
    acks.dataReceived(segment);
    expect(acks.isDue(segment)).toBe(true);
    acks.acknowledged();
  }
  acks.dataReceived(32);
  expect([acks.isDue(32), acks.dueAt]).toEqual([false, 37]);
  acks.dataReceived(33);
  expect(acks.isDue(33)).toBe(true);
  acks.acknowledged();
  acks.dataReceived(34);
  expect([acks.isDue(38), acks.isDue(39)]).toEqual([false, true]);
});

test('grants the 32 again after a pause of 12 ms', () => {
  const acks = new AckSchedule({ ...STREAM_DEFAULTS, quickAcks: 1 });
  acks.dataReceived(0);
  acks.acknowledged();
  acks.dataReceived(11);
  expect(acks.isDue(11)).toBe(false);
  acks.dataReceived(23);
  acks.acknowledged();
  acks.dataReceived(35);
  expect(acks.isDue(35)).toBe(true);
});

test('a request is due at once and one acknowledgement settles all', () => {
  const acks = new AckSchedule({ ...STREAM_DEFAULTS, quickAcks: 0 });
  acks.dataReceived(0);
  acks.requestNow(1);
  expect(acks.isDue(1)).toBe(true);
  acks.acknowledged();
  expect(acks.dueAt).toBeUndefined();
});
