/** The head of an HTTP request, as far as a server decides by it. Header names are in lower case. */
export interface HttpHead<Peer> {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Who sends it, as the connection proved; undefined on a plain TCP connection. */
  readonly peer: Peer | undefined;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What a server does with requests. Neither may throw. */
export interface HttpHandler<Peer> {
  /** Decides by the head alone, before a byte of the body is taken; undefined lets the body come. */
  admit(head: HttpHead<Peer>): HttpReply | undefined;
  handle(head: HttpHead<Peer>, body: Uint8Array): Promise<HttpReply>;
  /** The replies of the server itself: a body beyond the limit, too much under way. */
  refuse(head: HttpHead<Peer>, status: 413 | 503): HttpReply;
}
