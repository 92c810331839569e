import { NetworkNamespace } from './network-namespace.ts';

/** What a router lets in: what was asked for from inside, at one port outside for all, or at another one for each. */
export type RouterKind = 'port-restricted' | 'symmetric';

/**
 * Hosts on one segment, as on the open Internet, and hosts behind routers whose address translation is the kernel's. Each is
 * a network namespace; cables are veth pairs, the segment is a bridge. Linux, as root, with iptables.
 */
export class RoutedNetwork {
  readonly #segment: NetworkNamespace;
  readonly #members: NetworkNamespace[] = [];

  private constructor(segment: NetworkNamespace) {
    this.#segment = segment;
  }

  static async open(): Promise<RoutedNetwork> {
    const segment = await NetworkNamespace.open();
    await segment.run('ip link add segment type bridge && ip link set segment up');
    return new RoutedNetwork(segment);
  }

  /** A host on the segment: 203.0.113.N and 2001:db8::N. */
  async host(number: number): Promise<NetworkNamespace> {
    const host = await this.#open();
    await this.#segment.run(`
      ip link add port${number} type veth peer name eth0 netns ${host.pid}
      ip link set port${number} master segment up`);
    await host.run(`
      ip address add 203.0.113.${number}/24 dev eth0
      ip address add 2001:db8::${number}/64 dev eth0 nodad
      ip link set eth0 up`);
    return host;
  }

  /** A host behind a router at 203.0.113.N; inside it is 10.0.N.2. IPv4 alone. */
  async hostBehind(number: number, kind: RouterKind): Promise<NetworkNamespace> {
    const router = await this.host(number);
    const inside = await this.#open();
    const translate = kind === 'symmetric' ? 'MASQUERADE --random-fully' : 'MASQUERADE';
    await router.run(`
      ip link add inside type veth peer name eth0 netns ${inside.pid}
      ip address add 10.0.${number}.1/24 dev inside
      ip link set inside up
      echo 1 > /proc/sys/net/ipv4/ip_forward
      iptables -w -t nat -A POSTROUTING -o eth0 -j ${translate}
      iptables -w -A INPUT -i eth0 -p udp -m conntrack --ctstate NEW -j DROP`); // it listens to nobody itself
    await inside.run(`
      ip address add 10.0.${number}.2/24 dev eth0
      ip link set eth0 up
      ip route add default via 10.0.${number}.1`);
    return inside;
  }

  /** Cuts a host off a UDP port: nothing it sends there arrives. What would come by that way does not come. */
  async cutOff(host: NetworkNamespace, port: number): Promise<void> {
    for (const table of ['iptables', 'ip6tables'])
      await host.run(`${table} -w -A OUTPUT -p udp --dport ${port} -j DROP`);
  }

  async close(): Promise<void> {
    for (const member of [...this.#members, this.#segment]) await member.close();
  }

  async #open(): Promise<NetworkNamespace> {
    const member = await NetworkNamespace.open();
    this.#members.push(member);
    return member;
  }
}
