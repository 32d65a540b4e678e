import { getWorkerOrchestrator } from 'fleetgraph/orchestrator';

const orchestrator = getWorkerOrchestrator();

// Execute graph builder only
const result = await orchestrator.executeWorker('graph-builder');

if (result.success) {
  console.log('✅ Graph built');
} else {
  console.error('❌ Graph build failed:', result.error);
}
