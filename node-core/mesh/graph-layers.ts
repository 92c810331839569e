import type { Agent, Beacon, OpenFlow, Tunnel } from '../contract/graph.ts';
import type { Group } from '../contract/group.ts';
import { PictureLayer } from './picture-layer.ts';

/** The graph as it is shown: plain data by key, kept up to date. A value that did not change is the same object as before. */
export interface GraphPicture {
  readonly agents: ReadonlyMap<number, Agent>;
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  readonly flows: ReadonlyMap<string, OpenFlow>;
  readonly beacons: ReadonlyMap<string, Beacon>;
  readonly groups: ReadonlyMap<number, Group>;
}

/** What is new or different in the picture by key, and undefined for what is gone. */
export type GraphChanges = {
  readonly [Kind in keyof GraphPicture]: GraphPicture[Kind] extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<K, V | undefined>
    : never;
};

/** The layers of the picture, one for each kind of thing that is drawn. */
export class GraphLayers {
  readonly agents = new PictureLayer<number, Agent>();
  readonly tunnels = new PictureLayer<string, Tunnel>();
  readonly flows = new PictureLayer<string, OpenFlow>();
  readonly beacons = new PictureLayer<string, Beacon>();
  readonly groups = new PictureLayer<number, Group>();
  readonly picture: GraphPicture = {
    agents: this.agents.values,
    tunnels: this.tunnels.values,
    flows: this.flows.values,
    beacons: this.beacons.values,
    groups: this.groups.values,
  };

  /** What is different since the last call. */
  takeChanges(): GraphChanges {
    return {
      agents: this.agents.takeChanges(),
      tunnels: this.tunnels.takeChanges(),
      flows: this.flows.takeChanges(),
      beacons: this.beacons.takeChanges(),
      groups: this.groups.takeChanges(),
    };
  }
}
