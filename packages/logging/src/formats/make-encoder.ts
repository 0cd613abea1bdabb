import type { LineForm } from '../driver.ts';
import type { Redactor } from '../internal/redact.ts';
import type { ServiceInfo } from '../options.ts';
import { EcsEncoder } from './ecs.ts';
import type { Encoder } from './encoder.ts';
import { OtelEncoder } from './otel.ts';
import { PlainEncoder } from './plain.ts';
import { PrettyEncoder } from './pretty.ts';

/** The encoder of a form. */
export function makeEncoder(form: LineForm, redactor: Redactor, service: ServiceInfo | undefined): Encoder {
  switch (form.format) {
    case 'otel':
      return new OtelEncoder(redactor, service);
    case 'pretty':
      return new PrettyEncoder(redactor, form.colors);
    case 'plain':
      return new PlainEncoder(redactor, '');
    default:
      return new EcsEncoder(redactor, service);
  }
}
