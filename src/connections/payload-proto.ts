// A CommonJS package whose names Node cannot see.
import proto from '@temporalio/proto';

export const { Payload, Payloads } = proto.temporal.api.common.v1;
