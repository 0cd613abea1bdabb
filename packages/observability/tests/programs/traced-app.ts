// With OpenTelemetry set up by the program itself.
import { setUp } from './otel-setup.ts';
import { serve } from './traced-service.ts';

setUp();
void serve();
