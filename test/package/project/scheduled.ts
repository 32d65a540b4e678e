import { getWorkerOrchestrator } from 'fleetgraph/orchestrator';

const orchestrator = getWorkerOrchestrator();

// Run every 6 hours
setInterval(async () => {
  console.log('🔄 Starting scheduled pipeline...');
  const result = await orchestrator.executeFullPipeline();
  
  if (result.success) {
    console.log('✅ Scheduled pipeline completed');
  } else {
    console.error('❌ Scheduled pipeline failed:', result.error);
  }
}, 6 * 60 * 60 * 1000);
