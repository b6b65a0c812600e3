/** Tells the integration of changed opportunities. */
trigger IntegrationOpportunity on Opportunity (after insert, after update, after delete, after undelete) {
    IntegrationChanges.tell(Trigger.operationType, Trigger.new, Trigger.oldMap);
}
