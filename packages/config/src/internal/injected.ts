// Variables that container platforms put into the environment for each service of the same network, under the name of
// the service. A service that is called like the program has the prefix of its settings. Kubernetes:
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables (as the links of Docker had
// them)

const NAME = /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const ADDRESS = /^(?:tcp|udp|sctp):\/\//;

/** Whether a variable tells the address of a service. */
export function isInjected(name: string, value: string | undefined): boolean {
  return NAME.test(name) || isAddress(name, value);
}

/**
 * Whether a variable `..._PORT` holds the address of a service, as in `tcp://10.0.0.7:80`: no number of a port is
 * written so.
 */
export function isAddress(name: string, value: string | undefined): boolean {
  return name.endsWith('PORT') && value !== undefined && ADDRESS.test(value);
}
