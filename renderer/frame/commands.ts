import { copyText, joinGroup, pingAgent, pingGroup, stopGroupPing } from '../client/acts.ts';
import { setPaused } from '../client/deck.ts';
import { exportTraces, openTrace } from '../client/trace-feed.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { NO_FILTER } from '../stores/filter.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useGroupStore } from '../stores/group-store.ts';
import { useTraceStore } from '../stores/trace-store.ts';
import { useViewStore, VIEWS } from '../stores/view-store.ts';
import { VIEW_NAMES } from './view-names.ts';

/** One thing that can be done now, verb first. */
export interface Command {
  readonly id: string;
  readonly text: string;
  readonly key?: string;
  /** It sends something into the network. */
  readonly acts: boolean;
  run(): void;
}

/** Every command that makes sense at this moment, the general ones first. */
export function currentCommands(): Command[] {
  return [...viewCommands(), ...traceCommands(), ...groupCommands(), ...agentCommands()];
}

function viewCommands(): Command[] {
  const view = useViewStore.getState();
  const paused = view.pausedAt !== undefined;
  const commands: Command[] = VIEWS.map((name, index) => ({
    id: `view-${name}`,
    text: `Go to ${VIEW_NAMES[name]}`,
    key: `Ctrl+${index + 1}`,
    acts: false,
    run: () => view.set({ view: name }),
  }));
  commands.push(
    { id: 'pause', text: paused ? 'Go on live' : 'Pause', key: 'Space', acts: false, run: () => setPaused(!paused) },
    { id: 'theme-dark', text: 'Theme dark', acts: false, run: () => view.set({ theme: 'dark' }) },
    { id: 'theme-light', text: 'Theme light', acts: false, run: () => view.set({ theme: 'light' }) },
    { id: 'theme-system', text: 'Theme of the system', acts: false, run: () => view.set({ theme: 'system' }) },
    {
      id: 'filter-clear',
      text: 'Clear filter',
      acts: false,
      run: () => view.set({ filter: NO_FILTER, span: undefined }),
    },
    {
      id: 'layout',
      text: 'Lay out again',
      acts: false,
      run: () => view.set({ pins: {}, slots: {} }),
    },
    {
      id: 'events',
      text: view.drawerOpen ? 'Hide events' : 'Show events',
      key: 'Ctrl+J',
      acts: false,
      run: () => view.set({ drawerOpen: !view.drawerOpen }),
    },
    {
      id: 'single-keys',
      text: view.singleKeys ? 'Switch single-letter keys off' : 'Switch single-letter keys on',
      acts: false,
      run: () => view.set({ singleKeys: !view.singleKeys }),
    },
    { id: 'keys', text: 'Show keys', key: '?', acts: false, run: () => view.set({ keysOpen: true }) },
  );
  return commands;
}

function traceCommands(): Command[] {
  const { open, marked, list } = useTraceStore.getState();
  const commands: Command[] = [];
  if (open !== undefined) {
    for (const joined of [false, true]) {
      commands.push({
        id: `export-open-${joined}`,
        text: `Export the open trace with ${joined ? 'joined' : 'raw'} ids`,
        acts: false,
        run: () => void exportTraces([open.traceId], joined),
      });
    }
  }
  if (marked.size > 0) {
    commands.push({
      id: 'export-marked',
      text: `Export ${marked.size} marked of ${list.size} traces`,
      acts: false,
      run: () => void exportTraces([...marked], false),
    });
  }
  const newest = [...list.values()].sort((a, b) => b.startUnixMs - a.startUnixMs).slice(0, 5);
  for (const trace of newest) {
    commands.push({
      id: `trace-${trace.traceId}`,
      text: `Open trace ${formatSafeText(trace.title)}`,
      acts: false,
      run: () => {
        useViewStore.getState().set({ view: 'traces' });
        void openTrace(trace.traceId);
      },
    });
  }
  return commands;
}

function groupCommands(): Command[] {
  const { pings, setLeaving, open } = useGroupStore.getState();
  const view = useViewStore.getState();
  return [...useGraphStore.getState().groups.values()].flatMap((group) => {
    const { groupId } = group;
    const name = formatSafeText(group.name);
    const running = pings[groupId]?.state === 'running';
    const ping: Command = running
      ? { id: `stop-${groupId}`, text: `Stop pinging ${name}`, acts: false, run: () => stopGroupPing(groupId) }
      : {
          id: `ping-group-${groupId}`,
          text: `Ping all of ${name}`,
          acts: true,
          run: () => {
            view.set({ view: 'groups' });
            open(groupId);
            void pingGroup(groupId);
          },
        };
    const membership: Command = group.joined
      ? {
          id: `leave-${groupId}`,
          text: `Leave ${name}`,
          acts: true,
          run: () => {
            view.select({ kind: 'group', groupId });
            setLeaving(groupId);
          },
        }
      : { id: `join-${groupId}`, text: `Join ${name}`, acts: true, run: () => void joinGroup(groupId) };
    return [membership, ping];
  });
}

function agentCommands(): Command[] {
  const view = useViewStore.getState();
  return [...useGraphStore.getState().agents.values()].flatMap((agent) => {
    const { nodeId, hostname, address } = agent;
    const name = formatSafeText(hostname);
    const focus: Command = {
      id: `focus-${nodeId}`,
      text: `Focus on ${name}`,
      key: 'F',
      acts: false,
      run: () => {
        view.set({ view: 'graph', table: false, focus: { nodeId, hops: 1 } });
        view.select({ kind: 'agent', nodeId });
      },
    };
    const copy: Command = {
      id: `copy-${nodeId}`,
      text: `Copy address of ${name}`,
      acts: false,
      run: () => void copyText(address, `the address of ${name}`),
    };
    if (agent.self) return [focus, copy];
    return [{ id: `ping-${nodeId}`, text: `Ping ${name}`, acts: true, run: () => void pingAgent(nodeId) }, focus, copy];
  });
}
