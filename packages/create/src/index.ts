// A new service on the packages of this project: what `npm create @ent` asks, as a function.
export { type Choice, CHOICES, type Choices, QUESTIONS, type Question } from './choices.ts';
export { serviceErrors } from './errors.ts';
export { type ServiceOptions, writeService } from './service.ts';
