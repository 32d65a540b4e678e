import { getWorkerOrchestrator } from 'fleetgraph/orchestrator';

const orchestrator = getWorkerOrchestrator();

// Execute full pipeline
const result = await orchestrator.executeFullPipeline();

if (result.success) {
  console.log('✅ Pipeline completed');
} else {
  console.error('❌ Pipeline failed:', result.error);
}
