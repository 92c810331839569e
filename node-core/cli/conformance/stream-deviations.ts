import type { Deviation } from './deviation.ts';
import { duplicateDeviations } from './duplicate-deviations.ts';
import type { Fields } from './vector-file.ts';

/** A rule that gives some constants other values; those without one of ours are left out. */
function constants(rule: string, values: Fields): Deviation {
  return {
    section: 'constants',
    rule,
    expect(_input, expected) {
      const known = expected as Fields;
      const entries = Object.entries(known).map(([key, value]) => [key, key in values ? values[key] : value]);
      return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
    },
  };
}

export const streamDeviations: readonly Deviation[] = [
  constants('segments and windows are those of 1.18', {
    max_segment_size: 1152,
    initial_cong_win: 40_960,
    max_recv_win: 512 * 1152,
  }),
  constants('the congestion window ends where no more can be in flight', { max_cong_win: 128 * 1152 }),
  constants('a SYN is repeated as 1.18 does', {
    dial_initial_rto_ns: '250000000',
    dial_direct_retries: 3,
    dial_max_retries: 7,
    dial_max_rto_ns: '8000000000',
  }),
  constants('an acknowledgement waits 5 ms', { delayed_ack_timeout_ns: '5000000' }),
  constants('there is no idle timeout, no timer tick and no queue of writes', {
    default_idle_timeout_ns: undefined,
    retx_check_interval_ns: undefined,
    send_buf_len: undefined,
  }),
  {
    section: 'window_limit',
    rule: 'a window of 0 is a closed window',
    expect: (input, expected) => (input.peer_window_segments === 0 ? { packets: [], segments_sent: 0 } : expected),
  },
  ...duplicateDeviations,
];
