/** The cases of the host suite that another runtime's own server answers differently, and how. */
export const differences: Readonly<Record<'Bun' | 'Deno', Readonly<Record<string, string>>>> = {
  Bun: {
    'bodies: chunks with extensions, and trailers after them': 'takes trailers for the next request, which is none',
    'bodies: a body that nobody reads is not taken for the next request':
      'goes on when the body has come, and not before',
    'streams: that fail cut the connection, so that nobody takes the half for the whole': 'cuts it by a reset',
    'sockets: a pipeline is answered in its order, whoever is ready first': 'answers no pipeline whose first one waits',
    'sockets: HTTP/1.0 is answered, and the connection closed': 'does not say that it closes the connection',
    'sockets: HTTP/1.0 keeps a connection that it asks to keep': 'does not keep it',
    'sockets: a version that there is not: 400, and the host lives': 'answers 505',
    'sockets: an expectation that nobody has: 417, and the host lives': 'does not look at expectations',
    'sockets: a cut in a pipeline ends each of its exchanges': 'has one request of a connection at a time',
  },
  Deno: {
    'answers: the target, as the URL of a request has it': 'keeps dot segments in the URL',
    'sockets: HTTP/1.0 is answered, and the connection closed': 'answers in HTTP/1.0',
    'sockets: HTTP/1.0 keeps a connection that it asks to keep': 'answers in HTTP/1.0',
    'sockets: no host: 400, and the host lives': 'takes a request without a host',
    'sockets: a head that is too large: 431, and the host lives': 'takes heads of more than 17 kB',
    'sockets: an expectation that nobody has: 417, and the host lives': 'does not look at expectations',
    'sockets: a chunk whose size is none ends the exchange, not the host': 'ends it, and leaves the connection open',
    'sockets: a cut in a body of which less came than was said': 'ends the exchange with an answer that nobody gets',
    'sockets: a cut in a pipeline ends each of its exchanges': 'has one request of a connection at a time',
  },
};
