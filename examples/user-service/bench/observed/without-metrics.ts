// The service without its metrics: nobody listens to the packages but its log of requests.
import { registerHooks } from 'node:module';

const stand = `data:text/javascript,${encodeURIComponent('export const createMetrics = () => ({ close() {} });')}`;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === '@ent/observability/prometheus' ? { url: stand, shortCircuit: true } : next(specifier, context),
});
