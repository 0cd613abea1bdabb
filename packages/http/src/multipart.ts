export { type MultipartBodyOptions, multipartBody } from './multipart-body.ts';
export { type FieldPart, type FilePart, type FormPart, multipartParts } from './multipart-parts.ts';
